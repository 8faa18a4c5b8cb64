/** Bars by day, stacked by model; what they say stands in a table too. */

import { amountWords, type Bars, type Measure, OTHERS } from "./figures.ts";

const HEIGHT = 160;
const BELOW = 22;

export function colourOf(models: readonly string[], at: number): string {
  return models[at] === OTHERS ? "var(--c-faint)" : `var(--c-series-${(at % 6) + 1})`;
}

function shortDay(day: string): string {
  const form = { day: "numeric", month: "short", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat("en-GB", form).format(new Date(`${day}T00:00Z`));
}

export function Plot({ bars, measure }: { bars: Bars; measure: Measure }) {
  const { days, models, top } = bars;
  const total = amountWords(
    days.reduce((sum, day) => sum + day.total, 0),
    measure,
  );
  const label = `${total} ${measure === "cost" ? "" : measure} in ${days.length} days, by day and model. The same is in the table below.`;
  return (
    <figure>
      <p aria-hidden="true" className="mb-1 text-xs text-faint">
        {amountWords(top, measure)}
      </p>
      <svg
        role="img"
        aria-label={label.replace("  ", " ")}
        data-testid="usage-plot"
        width="100%"
        height={HEIGHT + BELOW}
        className="block overflow-visible"
      >
        {[0, 0.5, 1].map((part) => (
          <line
            key={part}
            x1="0"
            x2="100%"
            y1={HEIGHT * part}
            y2={HEIGHT * part}
            stroke="var(--c-line)"
            strokeWidth="1"
          />
        ))}
        {days.map((day, at) => (
          <Bar key={day.day} day={day} at={at} of={days.length} models={models} top={top} measure={measure} />
        ))}
        <DayNames days={days.map(({ day }) => day)} />
      </svg>
      <ul aria-hidden="true" className="mt-3 flex flex-wrap gap-x-4 gap-y-1 text-xs text-soft">
        {models.map((model, at) => (
          <li key={model} className="flex items-center gap-1.5">
            <span className="size-2.5 rounded-sm" style={{ background: colourOf(models, at) }} />
            {model}
          </li>
        ))}
      </ul>
    </figure>
  );
}

interface BarProps {
  day: Bars["days"][number];
  at: number;
  of: number;
  models: readonly string[];
  top: number;
  measure: Measure;
}

function Bar({ day, at, of, models, top, measure }: BarProps) {
  const step = 100 / of;
  let below = HEIGHT;
  return (
    <g>
      <title>{`${shortDay(day.day)}: ${amountWords(day.total, measure)}`}</title>
      {/* The whole column takes the pointer, however little there is. */}
      <rect x={`${step * at}%`} y="0" width={`${step}%`} height={HEIGHT} fill="transparent" />
      {day.values.map((value, index) => {
        const height = (value / top) * HEIGHT;
        below -= height;
        return value === 0 ? null : (
          <rect
            key={models[index]}
            x={`${step * (at + 0.14)}%`}
            y={below}
            width={`${step * 0.72}%`}
            height={Math.max(height, 1)}
            rx="1.5"
            fill={colourOf(models, index)}
            stroke="var(--c-paper)"
            strokeWidth="1"
          />
        );
      })}
    </g>
  );
}

/** The first day, the last, and the one between. */
function DayNames({ days }: { days: readonly string[] }) {
  const middle = Math.floor(days.length / 2);
  const shown = [
    { at: 0, anchor: "start" as const, x: "0%" },
    { at: middle, anchor: "middle" as const, x: `${(100 * (middle + 0.5)) / days.length}%` },
    { at: days.length - 1, anchor: "end" as const, x: "100%" },
  ];
  return shown.map(({ at, anchor, x }) => (
    <text key={at} x={x} y={HEIGHT + BELOW - 4} textAnchor={anchor} fontSize="12" fill="var(--c-faint)">
      {shortDay(days[at]!)}
    </text>
  ));
}
