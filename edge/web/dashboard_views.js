// The pages of the dashboard, each a function that fills the main part.
import { ask, attempt, button, bytes, copyable, field, make, say, sure, table, when } from "./dashboard_parts.js";

const encode = encodeURIComponent;

function rulesOf(policy) {
  const parts = [["includes", policy.include], ["requires", policy.require], ["excludes", policy.exclude]];
  return parts.filter(([, rules]) => rules.length).map(([name, rules]) => `${name} ${rules.join(", ")}`).join("; ");
}

/** An application of many hosts, or paths, leads to none of them. */
function linkTo(name) {
  if (name.includes("*")) return name;
  const [host, ...path] = name.split("/");
  return make("a", { href: `https://${host}${location.port ? `:${location.port}` : ""}/${path.join("/")}` }, name);
}

function applicationCard(app) {
  const policies = app.policies.map((policy) => make("li", {}, `${policy.name} (${policy.decision}): ${rulesOf(policy)}`));
  return make("section", { className: "card" },
    make("h3", {}, linkTo(app.hostname)),
    make("p", { className: "soft" }, `reached by ${app.protocol}, leads to ${app.origin}; a sign-in lasts ${app.session_duration}`
      + (app.terminal ? "; a browser gets a terminal" : "")),
    make("ul", {}, ...policies));
}

export async function applications(main) {
  const { applications: all } = await ask("applications");
  main.append(...all.map(applicationCard));
}

/** The key of one application's CA, and what a server has to be told. */
function caCard(ca, again) {
  const act = (name) => async () => again(await ask(`applications/${encode(ca.hostname)}/ca/${name}`, "POST"));
  const out = make("section", { className: "card", data: { host: ca.hostname } }, make("h3", {}, ca.hostname));
  if (!ca.lines.length) {
    out.append(make("p", {}, "It has no certificate authority yet."), button("Generate certificate", act("generate"), "main"));
    return out;
  }
  const waiting = ca.lines.length > 1;
  ca.lines.forEach((line, at) => out.append(
    make("p", { className: "soft" }, at === 0 ? "Public key that signs" : "Public key that will sign next"),
    copyable(line, `the public key of ${ca.hostname}`)));
  out.append(
    make("p", { className: "soft" }, `On each server, as root: put ${waiting ? "both lines" : "the line"} into ${ca.keys_file}, this into /etc/ssh/sshd_config, and reload sshd.`),
    copyable(ca.sshd_config, "the line for sshd_config"));
  if (ca.in_agent) out.append(make("p", { className: "soft" }, "Its key is in an agent: it is changed there."));
  else if (waiting) out.append(button("Let the next key sign", async () => {
    if (await sure(`Servers that do not have the next key of ${ca.hostname} yet will reject all its certificates.`, "Let it sign")) await act("retire")();
  }, "danger"));
  else out.append(button("Rotate", act("rotate")));
  return out;
}

export async function serviceAuth(main) {
  const { applications: all } = await ask("applications");
  const certified = all.filter((app) => app.certificates);
  if (!certified.length) {
    main.append(make("p", { className: "soft" }, "No application has short_lived_certificates in the configuration."));
    return;
  }
  const choice = make("select", { id: "application" }, ...certified.map((app) => make("option", {}, app.hostname)));
  const place = make("div");
  const show = (ca) => place.replaceChildren(caCard(ca, show));
  const look = async () => show(await ask(`applications/${encode(choice.value)}/ca`));
  choice.onchange = () => attempt(look);
  main.append(make("p", {}, "Servers trust the certificates of an application by the public key of its certificate authority."),
    make("div", { className: "row" }, field("Application", choice), button("Generate certificate", look, "main")), place);
}

function newToken(token, hide) {
  const variables = `TUNNEL_SERVICE_TOKEN_ID=${token.client_id}\nTUNNEL_SERVICE_TOKEN_SECRET=${token.client_secret}`;
  return make("section", { className: "card", id: "new-token" }, make("h3", {}, token.name),
    make("p", {}, "This is the only time that the secret is shown."), copyable(variables, `id and secret of ${token.name}`),
    button("Hide the secret", hide));
}

// A browser may keep the page for its Back button, with what it shows.
addEventListener("pagehide", () => document.getElementById("new-token")?.remove());

export async function serviceTokens(main) {
  const name = make("input", { id: "name", required: true, maxLength: 64, autocomplete: "off" });
  const duration = make("input", { id: "duration", value: "8760h", required: true, autocomplete: "off" });
  const made = make("div");
  const list = make("div");
  let shown = "";  // the token whose secret is
  const hide = () => {
    made.replaceChildren();
    shown = "";
  };
  const look = async () => {
    const { service_tokens: all } = await ask("service-tokens");
    if (!all.some((token) => token.name === shown)) hide();
    list.replaceChildren(table("Service tokens", ["Name", "Created", "Expires", "Last used", ""], all.map((token) => [
      token.name, when(token.created), when(token.expires), when(token.last_used),
      button("Revoke", async () => {
        if (!await sure(`Programs that use ${token.name} are refused from now on, and what they have open ends.`, "Revoke")) return;
        await ask(`service-tokens/${encode(token.name)}`, "DELETE");
        await look();
        say(`Revoked: ${token.name}`);
      }, "danger"),
    ]), "There are none yet."));
  };
  const form = make("form", {
    className: "row",
    onsubmit: (event) => {
      event.preventDefault();
      void attempt(async () => {
        const token = await ask("service-tokens", "POST", { name: name.value, duration: duration.value });
        made.replaceChildren(newToken(token, hide));
        shown = token.name;
        name.value = "";
        await look();
      });
    },
  }, field("Name", name), field("Good for", duration), make("button", { className: "main" }, "Create"));
  main.append(form, made, list);
  await look();
}

function tunnelTable(all, base, again) {
  return table("Live tunnels", ["Who", "Application", "Since", "From", "Up", "Down", ""], all.map((tunnel) => [
    tunnel.identity || "not signed in", `${tunnel.application}${tunnel.terminal ? " (terminal)" : ""}`, when(tunnel.since), tunnel.peer,
    bytes(tunnel.up_bytes), bytes(tunnel.down_bytes),
    button("End", async () => {
      await ask(`${base}/${tunnel.id}`, "DELETE");
      await again();
      say(`Ended: tunnel ${tunnel.id}`);
    }, "danger"),
  ]), "Nothing is open.");
}

async function liveTunnels(main, base) {
  const list = make("div");
  const look = async () => list.replaceChildren(tunnelTable((await ask(base)).tunnels, base, look));
  main.append(make("div", { className: "row" }, button("Refresh", look)), list);
  await look();
}

export const live = (main) => liveTunnels(main, "tunnels");

function sessionTable(all, end) {
  return table("Sessions", ["Who", "Signed in", "From", "For", ""], all.map((one) => [
    one.email, when(one.time), one.peer, one.application + (one.current ? " (this one)" : ""),
    button("End", () => end(one), "danger"),
  ]), "There are none.");
}

export async function mySessions(main) {
  const sessions = make("div");
  const look = async () => sessions.replaceChildren(sessionTable((await ask("me/sessions")).sessions, async (one) => {
    if (!await sure("Its tokens are refused from now on, and what it has open ends.", "End it")) return;
    await ask(`me/sessions/${encode(one.session)}`, "DELETE");
    await look();
    say("Ended: one of your sessions");
  }));
  main.append(make("h3", {}, "Where I am signed in"), sessions, make("h3", {}, "What I have open"));
  await look();
  await liveTunnels(main, "me/tunnels");
}

export async function people(main) {
  const sessions = make("div");
  const email = make("input", { id: "email", type: "email", required: true, autocomplete: "off" });
  const look = async () => sessions.replaceChildren(sessionTable((await ask("sessions")).sessions, async (one) => {
    if (!await sure(`This session of ${one.email} is refused from now on, and what it has open ends.`, "End it")) return;
    await ask("revocations", "POST", { session: one.session });
    await look();
    say(`Ended: a session of ${one.email}`);
  }));
  const form = make("form", {
    className: "row",
    onsubmit: (event) => {
      event.preventDefault();
      void attempt(async () => {
        if (!await sure(`All that ${email.value} has is refused from now on, and what they have open ends.`, "Revoke")) return;
        await ask("revocations", "POST", { email: email.value });
        await look();
        say(`Revoked: all sessions of ${email.value}`);
      });
    },
  }, field("All sessions of", email), make("button", { className: "danger" }, "Revoke"));
  main.append(form, sessions);
  await look();
}

function auditRows(rows) {
  return table("Audit", ["When", "What", "Who", "Application", "From", "Why"], rows.map((row) => [
    when(row.time), row.kind, row.identity, row.application, row.peer,
    row.kind === "tunnel_close" ? `${row.reason} (${bytes(row.up_bytes)} up, ${bytes(row.down_bytes)} down)` : row.reason,
  ]), "No matching entries.");
}

export async function audit(main) {
  const fields = Object.entries({ since: "Since", identity: "Who", application: "Application", kind: "What" })
    .map(([id, label]) => [id, label, make("input", { id, autocomplete: "off", placeholder: id === "since" ? "24h" : "" })]);
  const list = make("div");
  const look = async (before) => {
    const query = new URLSearchParams(fields.filter(([, , input]) => input.value).map(([id, , input]) => [id, input.value.trim()]));
    if (before) query.set("before", before);
    const found = await ask(`audit?${query}`);
    list.replaceChildren(auditRows(found.rows), ...(found.next ? [button("Older", () => look(found.next))] : []));
  };
  const form = make("form", {
    className: "row",
    onsubmit: (event) => {
      event.preventDefault();
      void attempt(() => look(0));
    },
  }, ...fields.map(([, label, input]) => field(label, input)), make("button", { className: "main" }, "Search"));
  main.append(form, list);
  await look(0);
}

export async function hostKeys(main) {
  const list = make("div");
  const look = async () => list.replaceChildren(table("Host keys", ["Application", "Origin", "Fingerprint", "Since", ""],
    (await ask("host-keys")).host_keys.map((key) => [key.hostname, key.origin, key.fingerprint, when(key.since),
      button("Forget", async () => {
        if (!await sure(`The next terminal believes whatever key the server of ${key.hostname} shows.`, "Forget")) return;
        await ask(`applications/${encode(key.hostname)}/host-keys`, "DELETE");
        await look();
        say(`Forgotten: the host keys of ${key.hostname}`);
      }, "danger")]), "No terminal has seen one yet."));
  main.append(make("p", { className: "soft" }, "What servers showed when a terminal in the browser first reached them."), list);
  await look();
}
