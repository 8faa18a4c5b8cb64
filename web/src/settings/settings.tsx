/** The settings: one screen with a tab for each kind of what is a user's own. */

import type { SettingsTab } from "../address.ts";
import { Tabbed } from "../ui/tabbed.tsx";
import { AccountSettings } from "./account.tsx";
import { Appearance } from "./appearance.tsx";
import { Keys } from "./keys.tsx";
import { Sessions } from "./sessions.tsx";
import { Tokens } from "./tokens.tsx";
import { UsageOfMine } from "./usage.tsx";

const TABS = {
  account: { name: "Account", screen: AccountSettings },
  sessions: { name: "Sessions", screen: Sessions },
  tokens: { name: "Access tokens", screen: Tokens },
  keys: { name: "Keys", screen: Keys },
  usage: { name: "Usage", screen: UsageOfMine },
  appearance: { name: "Appearance", screen: Appearance },
};

interface Props {
  tab: SettingsTab;
  /** Shows the conversations where they are hidden; null where they are not. */
  onMenu: (() => void) | null;
}

export default function Settings({ tab, onMenu }: Props) {
  return <Tabbed area="settings" title="Settings" tabs={TABS} tab={tab} onMenu={onMenu} />;
}
