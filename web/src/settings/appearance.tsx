/** How the page looks. */

import { chooseTheme, type Theme, useChosenTheme } from "../ui/theme.tsx";
import { Section } from "./section.tsx";

const THEMES: { theme: Theme | null; name: string }[] = [
  { theme: null, name: "As the system has it" },
  { theme: "light", name: "Light" },
  { theme: "dark", name: "Dark" },
];

export function Appearance() {
  const chosen = useChosenTheme();
  return (
    <Section title="Appearance" lead="Kept in this browser.">
      <fieldset>
        <legend className="text-sm font-medium">Theme</legend>
        {THEMES.map(({ theme, name }) => (
          <label key={name} className="mt-2 flex min-h-8 touch:min-h-10 items-center gap-2.5 text-sm">
            <input
              type="radio"
              name="theme"
              checked={theme === chosen}
              onChange={() => chooseTheme(theme)}
              className="size-4 accent-accent"
            />
            {name}
          </label>
        ))}
      </fieldset>
    </Section>
  );
}
