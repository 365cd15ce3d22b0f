// The page of administrators about connectors.
import { plain, time } from "./dashboard_columns.js";
import { follow, latest } from "./dashboard_follow.js";
import { list } from "./dashboard_list.js";
import { ask, button, copyable, field, form, make, say, sure } from "./dashboard_parts.js";

const encode = encodeURIComponent;
const ENROLL = "sudo cfpipe-connector enroll";

function newToken({ name, token }, hide) {
  return make("section", { className: "card", id: "new-token" }, make("h3", {}, name),
    make("p", {}, "On the server, run this, and paste the token there:"), copyable(ENROLL, "the command for the server"),
    make("p", {}, "The token enrols one connector, within ten minutes. This is the only time that it is shown."),
    copyable(token, `the token of ${name}`), button("Hide the token", hide));
}

// A browser may keep the page for its Back button, with what it shows.
addEventListener("pagehide", () => document.getElementById("new-token")?.remove());

const sum = (rows, of) => rows.reduce((total, row) => total + row[of], 0);

/** Where it is attached: one text for each run. */
function attachedText({ attached }) {
  return attached.map((run) => `${run.peer} (version ${run.version}, connections: ${run.connections})`).join(", ");
}

export async function connectors(main, signal) {
  const name = make("input", { id: "name", required: true, maxLength: 63, autocomplete: "off" });
  const made = make("div");
  const hide = () => made.replaceChildren();
  const revoke = (row) => button("Revoke", async () => {
    if (!await sure(`Connector ${row.name} on ${row.host} is refused from now on, and what is open through it ends.`, "Revoke")) return;
    await ask(`connectors/${encode(row.id)}`, "DELETE");
    await look();
    say(`Revoked: connector ${row.name} on ${row.host}`);
  }, "danger");
  const columns = [
    plain("name", "Name"), plain("host", "Server"), plain("attached", "Attached from", (row) => attachedText(row) || "not attached"),
    plain("tunnels", "Tunnels", (row) => sum(row.attached, "tunnels")), time("created", "Enrolled"),
    time("last_attached", "Last attached", "never"), plain("id", "ID"),
  ];
  const all = list({ caption: "Connectors", columns, key: (row) => row.id, actions: (row) => [revoke(row)],
    empty: "None is enrolled yet.", signal });
  const look = latest(() => ask("connectors"), ({ connectors: rows }) => all.show(rows));
  const create = form(async () => {
    made.replaceChildren(newToken(await ask("connectors", "POST", { name: name.value }), hide));
    name.value = "";
  }, field("Name", name), make("button", { className: "main" }, "Create"));
  main.append(make("p", { className: "soft" }, "Servers that dial out to this edge. Applications call them by name; several of one name share the load."),
    create, made, all.element);
  await look();
  all.tools.append(follow(look, signal));
}
