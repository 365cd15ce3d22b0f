// The pages of each person who has signed in: what they may reach, where they are signed in, what they have open. And the lists
// of tunnels and sessions that the pages of administrators have too.
import { plain, size, time } from "./dashboard_columns.js";
import { follow, latest } from "./dashboard_follow.js";
import { list } from "./dashboard_list.js";
import { ask, button, copyButton, make, say, sure } from "./dashboard_parts.js";

const encode = encodeURIComponent;

/** Of an application's name that covers one host and one path. */
function addressOf(name) {
  const [host, ...path] = name.split("/");
  return `https://${host}${location.port ? `:${location.port}` : ""}/${path.join("/")}`;
}

/** An application of many hosts, or paths, leads to none of them. */
export function linkTo(name) {
  return name.includes("*") ? name : make("a", { href: addressOf(name) }, name);
}

function line(id, name, what) {
  const cell = (row) => make("div", { className: "line" }, make("code", {}, row[id]), copyButton(row[id], `${what} of ${row.hostname}`));
  return { id, name, value: (row) => row[id], cell };
}

export async function myApplications(main, signal) {
  const columns = [
    { ...plain("hostname", "Application"), cell: (row) => linkTo(row.hostname) },
    line("command", "From a shell", "the line for a shell"),
    line("setup", "Before, once on each machine", "the line to set ssh up"),
  ];
  const open = (row) => (row.terminal && !row.hostname.includes("*")
    ? [make("a", { className: "button main", href: addressOf(row.hostname) }, "Open terminal")] : []);
  const mine = list({ caption: "Applications", columns, key: (row) => row.hostname, actions: open, signal,
    empty: "The policies admit you to no application at present." });
  main.append(make("p", { className: "soft" }, "What the policies let you reach now, from where you are."), mine.element);
  mine.show((await ask("me/applications")).applications);
}

/** The tunnels at `base`, which follow by themselves. */
export async function tunnels(main, base, signal, id = "") {
  const actions = (row) => [button("End", async () => {
    await ask(`${base}/${row.id}`, "DELETE");
    await look();
    say(`Ended: tunnel ${row.id}`);
  }, "danger")];
  const columns = [
    plain("identity", "Who", (row) => row.identity || "not signed in"),
    plain("application", "Application", (row) => `${row.application}${row.terminal ? " (terminal)" : ""}`),
    time("since", "Since"), plain("peer", "From"), size("up_bytes", "Up"), size("down_bytes", "Down"),
    time("detached", "Client away since"),
  ];
  const all = list({ id, caption: "Tunnels", columns, key: (row) => row.id, actions, empty: "Nothing is open.", signal });
  const look = latest(() => ask(base), ({ tunnels: rows }) => all.show(rows));
  await look();
  all.tools.append(follow(look, signal));
  main.append(all.element);
}

/** Sign-ins at `path`, which follow by themselves; the function that asks for them now. `columns`: those besides the common
 *  ones, in front. */
export async function sessions(main, { path, id = "", columns = [], end, signal }) {
  const all = list({
    id, caption: "Sessions", key: (row) => row.session, empty: "There are none.", signal,
    columns: [...columns, plain("application", "For", (row) => row.application + (row.current ? " (this one)" : "")),
      plain("device", "With", (row) => row.device || "unknown"), plain("peer", "From"), time("time", "Signed in"), time("expires", "Expires")],
    actions: (row) => [button("End", async () => {
      if (await end(row)) await look();
    }, "danger")],
  });
  const look = latest(() => ask(path), ({ sessions: rows }) => all.show(rows));
  await look();
  all.tools.append(follow(look, signal));
  main.append(all.element);
  return look;
}

export async function mySessions(main, signal) {
  main.append(make("h3", {}, "Where I am signed in"));
  await sessions(main, { path: "me/sessions", id: "sessions", signal, end: async (row) => {
    if (!await sure("Its tokens are refused from now on, and what it has open ends.", "End it")) return false;
    await ask(`me/sessions/${encode(row.session)}`, "DELETE");
    say("Ended: one of your sessions");
    return true;
  } });
  main.append(make("h3", {}, "What I have open"));
  await tunnels(main, "me/tunnels", signal, "tunnels");
}
