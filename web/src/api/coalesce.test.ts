import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { coalesce } from './coalesce';

describe('coalesce', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('acts at once on the first call', () => {
    const action = vi.fn(() => Promise.resolve());
    coalesce(action, 250).request();
    expect(action).toHaveBeenCalledTimes(1);
  });

  it('makes one more run of any number of calls that come within the gap', async () => {
    const action = vi.fn(() => Promise.resolve());
    const { request } = coalesce(action, 250);
    for (let call = 0; call < 20; call += 1) request();
    await vi.advanceTimersByTimeAsync(249);
    expect(action).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(action).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(action).toHaveBeenCalledTimes(2);
  });

  it('never runs two at a time, and runs again for a call that came while one was slow', async () => {
    let finish: () => void = () => undefined;
    const action = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)));
    const { request } = coalesce(action, 100);
    request();
    await vi.advanceTimersByTimeAsync(500);
    request();
    expect(action).toHaveBeenCalledTimes(1);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(action).toHaveBeenCalledTimes(2);
  });

  it('goes on after a run that failed', async () => {
    const action = vi.fn(() => Promise.reject(new Error('down')));
    const { request } = coalesce(action, 100);
    request();
    await vi.advanceTimersByTimeAsync(100);
    request();
    expect(action).toHaveBeenCalledTimes(2);
  });

  it('starts nothing after it was stopped', async () => {
    const action = vi.fn(() => Promise.resolve());
    const { request, stop } = coalesce(action, 100);
    request();
    request();
    stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(action).toHaveBeenCalledTimes(1);
  });
});
