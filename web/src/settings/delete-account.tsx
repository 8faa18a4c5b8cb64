/** The end of an account, with all that is its own. */

import { useState } from "react";
import { account } from "../account/requests.ts";
import { changeUser, forgetWhatWasWritten } from "../state/session.ts";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { loadKit } from "../ui/kit.ts";
import { Password } from "../ui/password.tsx";
import { Section } from "./section.tsx";

export function DeleteAccount({ hasPassword, guest = false }: { hasPassword: boolean; guest?: boolean }) {
  const [asking, setAsking] = useState(false);
  const [password, setPassword] = useState("");
  const what = guest ? "all that you made here" : "your account";
  const leave = () =>
    changeUser(() => account.leave(hasPassword ? password : null).then(forgetWhatWasWritten), "/");
  const ask = () => {
    loadKit();
    setPassword("");
    setAsking(true);
  };
  return (
    <Section
      title={guest ? "Delete everything" : "Delete the account"}
      lead="Your chats, keys, tokens and sessions go with it, for good. Answers that are being written are stopped."
    >
      <Button look="danger" onClick={ask}>
        Delete {what}
      </Button>
      {asking && (
        <Confirm
          title={`Delete ${what}?`}
          words="Nobody can bring it back."
          action="Delete for good"
          run={leave}
          onDone={() => setAsking(false)}
        >
          {hasPassword && (
            <div className="mt-4">
              <Password
                label="Your password"
                autoComplete="current-password"
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            </div>
          )}
        </Confirm>
      )}
    </Section>
  );
}
