/** Asks before signing out, since what was not sent goes with whoever wrote it. */

import { changeUser, forgetWhatWasWritten, unsent } from "../state/session.ts";
import { Confirm } from "../ui/confirm.tsx";
import { account } from "./requests.ts";

export function SignOut({ onDone }: { onDone(): void }) {
  const waiting = unsent();
  const lost =
    waiting === 0
      ? "Drafts that you did not send are removed from this browser."
      : `${waiting === 1 ? "A message is" : `${waiting} messages are`} not sent yet, and would be lost.`;
  const leave = () => changeUser(() => account.logout().then(forgetWhatWasWritten), "/");
  return (
    <Confirm
      title="Sign out?"
      words={`Your chats stay in your account. ${lost}`}
      action="Sign out"
      keep="Stay"
      run={leave}
      onDone={onDone}
    />
  );
}
