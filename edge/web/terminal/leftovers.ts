// Parts of uploads that lost their connection, for this tab to remove when it has one again.

const KEY = "cfpipe-terminal-leftovers";
/** That are remembered, the newest. */
const MOST = 16;

export function all(): string[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}

function store(paths: string[]): void {
  try {
    if (paths.length > 0) sessionStorage.setItem(KEY, JSON.stringify(paths.slice(-MOST)));
    else sessionStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing leaves them.
  }
}

export function add(path: string): void {
  store([...all(), path]);
}

export function forget(path: string): void {
  store(all().filter((one) => one !== path));
}
