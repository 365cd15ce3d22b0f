// The pages of administrators about programs, people and what is open.
import { plain, time } from "./dashboard_columns.js";
import { list } from "./dashboard_list.js";
import { sessions, tunnels } from "./dashboard_own.js";
import { ask, button, copyable, field, form, make, say, sure } from "./dashboard_parts.js";

const encode = encodeURIComponent;

function newToken(token, hide) {
  const variables = `TUNNEL_SERVICE_TOKEN_ID=${token.client_id}\nTUNNEL_SERVICE_TOKEN_SECRET=${token.client_secret}`;
  return make("section", { className: "card", id: "new-token" }, make("h3", {}, token.name),
    make("p", {}, "This is the only time that the secret is shown."), copyable(variables, `id and secret of ${token.name}`),
    button("Hide the secret", hide));
}

// A browser may keep the page for its Back button, with what it shows.
addEventListener("pagehide", () => document.getElementById("new-token")?.remove());

export async function serviceTokens(main, signal) {
  const name = make("input", { id: "name", required: true, maxLength: 64, autocomplete: "off" });
  const duration = make("input", { id: "duration", value: "8760h", required: true, autocomplete: "off" });
  const made = make("div");
  let shown = "";  // the token whose secret is
  const hide = () => {
    made.replaceChildren();
    shown = "";
  };
  const revoke = (token) => button("Revoke", async () => {
    if (!await sure(`Programs that use ${token.name} are refused from now on, and what they have open ends.`, "Revoke")) return;
    await ask(`service-tokens/${encode(token.name)}`, "DELETE");
    await look();
    say(`Revoked: ${token.name}`);
  }, "danger");
  const columns = [plain("name", "Name"), time("created", "Created"), time("expires", "Expires"), time("last_used", "Last used", "never")];
  const all = list({ caption: "Service tokens", columns, key: (token) => token.client_id, actions: (token) => [revoke(token)],
    empty: "There are none yet.", signal });
  const look = async () => {
    const { service_tokens: rows } = await ask("service-tokens");
    if (!rows.some((token) => token.name === shown)) hide();
    all.show(rows);
  };
  const create = form(async () => {
    const token = await ask("service-tokens", "POST", { name: name.value, duration: duration.value });
    made.replaceChildren(newToken(token, hide));
    shown = token.name;
    name.value = "";
    await look();
  }, field("Name", name), field("Good for", duration), make("button", { className: "main" }, "Create"));
  main.append(create, made, all.element);
  await look();
}

export const live = (main, signal) => tunnels(main, "tunnels", signal);

export async function people(main, signal) {
  const email = make("input", { id: "email", type: "email", required: true, autocomplete: "off" });
  const revoke = form(async () => {
    const person = email.value;
    if (!await sure(`All that ${person} has is refused from now on, and what they have open ends.`, "Revoke")) return;
    await ask("revocations", "POST", { email: person });
    await look();
    say(`Revoked: all sessions of ${person}`);
  }, field("All sessions of", email), make("button", { className: "danger" }, "Revoke"));
  main.append(revoke);
  const look = await sessions(main, { path: "sessions", columns: [plain("email", "Who")], signal, end: async (row) => {
    if (!await sure(`This session of ${row.email} is refused from now on, and what it has open ends.`, "End it")) return false;
    await ask("revocations", "POST", { session: row.session });
    say(`Ended: a session of ${row.email}`);
    return true;
  } });
}

export async function hostKeys(main, signal) {
  const forget = (row) => button("Forget", async () => {
    if (!await sure(`The next terminal believes whatever key the server of ${row.hostname} shows.`, "Forget")) return;
    await ask(`applications/${encode(row.hostname)}/host-keys`, "DELETE");
    await look();
    say(`Forgotten: the host keys of ${row.hostname}`);
  }, "danger");
  const columns = [plain("hostname", "Application"), plain("origin", "Origin"), plain("fingerprint", "Fingerprint"), time("since", "Since")];
  const all = list({ caption: "Host keys", columns, key: (row) => `${row.hostname} ${row.origin}`, actions: (row) => [forget(row)],
    empty: "No terminal has seen one yet.", signal });
  const look = async () => all.show((await ask("host-keys")).host_keys);
  main.append(make("p", { className: "soft" }, "What servers showed when a terminal in the browser first reached them."), all.element);
  await look();
}
