import { defineConfig, devices } from '@playwright/test';

// The browser is Debian's: Playwright's own needs a download that not every machine may make.
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export default defineConfig({
  testDir: 'browser',
  outputDir: 'test-results',
  forbidOnly: Boolean(process.env['CI']),
  // Each file starts a program of its own, with hundreds of people in it; one after the other keeps their times honest.
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    // Colours half-way through a transition have a contrast that nobody reads them with.
    contextOptions: { reducedMotion: 'reduce' },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
