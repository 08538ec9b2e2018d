/**
 * Runs `action` once for any number of calls that come while it is busy or within `gapMs` of its last start. A call is never lost:
 * the action always starts again after the last call, so a level-triggered signal ends with the newest state read.
 */
export function coalesce(action: () => Promise<void>, gapMs: number): { request: () => void; stop: () => void } {
  let busy = false;
  let wanted = false;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const release = () => {
    busy = false;
    if (wanted) start();
  };

  const start = () => {
    if (stopped) return;
    busy = true;
    wanted = false;
    const gap = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, gapMs);
    });
    // What failed has been shown where the data is shown; the next signal tries again.
    void Promise.allSettled([action(), gap]).then(release);
  };

  return {
    request: () => {
      wanted = true;
      if (!busy) start();
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
