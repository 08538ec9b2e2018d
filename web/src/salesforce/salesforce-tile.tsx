import { SalesforceCloud } from '../ui/salesforce-cloud';
import classes from './salesforce.module.css';

export function SalesforceTile({ size }: { size: number }) {
  return (
    <span className={classes['tile']} style={{ width: size, height: size }} aria-hidden>
      <SalesforceCloud size={size * 0.42} label={null} />
    </span>
  );
}
