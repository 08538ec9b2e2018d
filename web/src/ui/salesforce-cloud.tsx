/** The cloud that marks what comes from Salesforce. */
export function SalesforceCloud({ size = 16, label = 'From Salesforce' }: { size?: number; label?: string | null }) {
  const naming = label === null ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label };
  return (
    <svg width={size * 1.4} height={size} viewBox="0 0 28 20" style={{ flexShrink: 0, color: 'var(--syncline-salesforce)' }} {...naming}>
      {label !== null && <title>{label}</title>}
      <path
        fill="currentColor"
        d="M7 18.6a5.7 5.7 0 0 1-1.6-11.2A6.6 6.6 0 0 1 16.6 3.8a5.6 5.6 0 0 1 8 4.2 5.4 5.4 0 0 1-2.5 10.6z"
      />
    </svg>
  );
}
