/** What was done to accounts and to what opens them, the newest first. */

import { useDeferredValue, useState } from "react";
import { Section } from "../settings/section.tsx";
import { Table } from "../settings/usage-tables.tsx";
import { Field, Select } from "../ui/field.tsx";
import { Pages } from "./pages.tsx";
import { type Act, admin } from "./requests.ts";
import { ACTIONS, actionWords, detailWords } from "./words.ts";

export function AuditLog() {
  const [action, setAction] = useState("");
  const [written, setActor] = useState("");
  const actor = useDeferredValue(written.trim());
  return (
    <Section title="Audit log" lead="What was done to accounts, and to what opens them.">
      <div className="grid gap-x-4 sm:grid-cols-2">
        <Select label="What" value={action} onChange={({ target }) => setAction(target.value)}>
          <option value="">Everything</option>
          {Object.entries(ACTIONS).map(([code, words]) => (
            <option key={code} value={code}>
              {words}
            </option>
          ))}
        </Select>
        <Field
          label="By whom"
          type="search"
          placeholder="The id of a user"
          value={written}
          onChange={({ target }) => setActor(target.value)}
        />
      </div>
      <Pages
        queryKey={["admin", "audit", action, actor]}
        read={(cursor) => admin.audit({ action, actor }, cursor)}
        none="Nothing of this is in the log."
        more="Show older entries"
      >
        {(acts) => <Acts acts={acts} />}
      </Pages>
    </Section>
  );
}

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

function Acts({ acts }: { acts: Act[] }) {
  return (
    <Table caption="Audit log" head={["When", "What", "By", "To", "From", "More"]}>
      {acts.map((act) => (
        <tr key={act.id}>
          <td className="whitespace-nowrap">{MOMENT.format(new Date(act.at * 1000))}</td>
          <th scope="row" title={act.action} className="font-normal whitespace-nowrap">
            {actionWords(act.action)}
          </th>
          <td className="font-mono text-xs">{act.actor_id ?? "–"}</td>
          <td className="font-mono text-xs">{act.target ?? "–"}</td>
          <td className="whitespace-nowrap">{act.address ?? "–"}</td>
          <td>{detailWords(act)}</td>
        </tr>
      ))}
    </Table>
  );
}
