/** Administration: one screen with a tab for each thing that an admin looks after. */

import type { AdminTab } from "../address.ts";
import { Tabbed } from "../ui/tabbed.tsx";
import { AuditLog } from "./audit.tsx";
import { Limits } from "./limits.tsx";
import { UsageOfAll } from "./usage.tsx";
import { Users } from "./users.tsx";

const TABS = {
  users: { name: "Users", screen: Users },
  limits: { name: "Limits", screen: Limits },
  usage: { name: "Usage", screen: UsageOfAll },
  audit: { name: "Audit log", screen: AuditLog },
};

interface Props {
  tab: AdminTab;
  onMenu: (() => void) | null;
}

export default function Administration({ tab, onMenu }: Props) {
  return <Tabbed area="admin" title="Administration" tabs={TABS} tab={tab} onMenu={onMenu} />;
}
