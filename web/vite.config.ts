import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev` serves the screens with hot reload and passes the API on to a running `syncline serve` or `syncline demo`.
const api = process.env['SYNCLINE_DEV_SERVER'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // Browsers that know light-dark(); an older target would have it rewritten into something that Mantine's scheme does not drive.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    // The content security policy allows no data: URL for scripts, styles or fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/api': api } },
});
