import { createTheme, type CSSVariablesResolver } from '@mantine/core';

/** One accent, quiet greys, and state colours that are used for state alone. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: 7,
  colors: {
    dark: ['#e3e6ea', '#c3c8d0', '#a3abb8', '#7b8492', '#3d434e', '#343943', '#262a32', '#1d2026', '#16181d', '#101216'],
  },
  fontFamily: 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.625rem', lineHeight: '1.25' }, h2: { fontSize: '1.0625rem', lineHeight: '1.35' } } },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Paper: { defaultProps: { withBorder: true, radius: 'lg' } },
    Badge: { defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 550 } },
    Notification: { defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, events: { hover: true, focus: true, touch: true } } },
    // Drop-downs open in place: a portal would put them outside of the landmark that holds their trigger.
    Menu: { defaultProps: { shadow: 'md', position: 'bottom-end', withinPortal: false, withInitialFocusPlaceholder: false } },
    Select: {
      defaultProps: { comboboxProps: { withinPortal: false, shadow: 'md' }, withScrollArea: false, openOnFocus: false },
      styles: { options: { maxHeight: 300, overflowY: 'auto' } },
    },
    Modal: {
      defaultProps: { centered: true, radius: 'lg', padding: 'lg', overlayProps: { backgroundOpacity: 0.4 } },
      styles: { title: { fontSize: '1.0625rem', fontWeight: 650 } },
    },
  },
});

/** Mantine's own dimmed and placeholder greys miss the 4.5:1 contrast of WCAG AA on our surfaces. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#fbfbfd',
    '--mantine-color-dimmed': '#565e69',
    '--mantine-color-placeholder': '#6b7380',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-gray-light-color': '#3b424c',
    '--syncline-surface': '#ffffff',
    '--syncline-border': '#e4e6eb',
    '--syncline-salesforce': '#0b6fb8',
    '--syncline-highlight': '#fff3bf',
  },
  dark: {
    '--mantine-color-body': '#16181d',
    '--mantine-color-text': '#e3e6ea',
    '--mantine-color-default': '#262a32',
    '--mantine-color-default-hover': '#2e333c',
    '--mantine-color-gray-light': '#2b3038',
    '--mantine-color-gray-light-color': '#d5dae1',
    '--mantine-color-dimmed': '#a3abb8',
    '--mantine-color-placeholder': '#939baa',
    '--mantine-color-error': '#ff8787',
    '--syncline-surface': '#1d2026',
    '--syncline-border': '#2f343d',
    '--syncline-salesforce': '#4fb3f3',
    '--syncline-highlight': '#4d4215',
  },
});
