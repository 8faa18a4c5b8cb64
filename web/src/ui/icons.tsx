/** The page's own small set of line icons; always beside a label that a screen reader hears. */

import type { SVGProps } from "react";

function icon(...paths: string[]) {
  return function Icon({ className = "size-4", ...props }: SVGProps<SVGSVGElement>) {
    return (
      <svg
        viewBox="0 0 20 20"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        className={className}
        {...props}
      >
        {paths.map((path) => (
          <path key={path} d={path} />
        ))}
      </svg>
    );
  };
}

export const ArrowUp = icon("M10 16V4.5", "M5 9.2 10 4.2l5 5");
export const ArrowDown = icon("M10 4v11.5", "m5 10.8 5 5 5-5");
export const Check = icon("m4.5 10.5 3.6 3.6 7.4-8");
export const ChevronDown = icon("m5.5 8 4.5 4.5L14.5 8");
export const ChevronLeft = icon("m12 5-5 5 5 5");
export const ChevronRight = icon("m8 5 5 5-5 5");
export const Close = icon("m5.5 5.5 9 9", "m14.5 5.5-9 9");
export const Copy = icon(
  "M7.5 7.2h7.2a1.3 1.3 0 0 1 1.3 1.3v6.7a1.3 1.3 0 0 1-1.3 1.3H8.8a1.3 1.3 0 0 1-1.3-1.3Z",
  "M4.8 12.8A1.3 1.3 0 0 1 4 11.6V4.8a1.3 1.3 0 0 1 1.3-1.3h6.5a1.3 1.3 0 0 1 1.2.8",
);
export const Dots = icon("M4.5 10h.01", "M10 10h.01", "M15.5 10h.01");
export const Menu = icon("M3.5 6.5h13", "M3.5 13.5h8.5");
export const Moon = icon("M16 11.8A6.5 6.5 0 1 1 8.2 4a5.3 5.3 0 0 0 7.8 7.8Z");
export const Panel = icon(
  "M4.5 4h11A1.5 1.5 0 0 1 17 5.5v9a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 14.5v-9A1.5 1.5 0 0 1 4.5 4Z",
  "M8 4v12",
);
export const People = icon(
  "M8 9.5a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8Z",
  "M2.8 16c.3-2.7 2.3-4.3 5.2-4.3s4.9 1.6 5.2 4.3",
  "M13 4.2a2.7 2.7 0 0 1 0 5.2",
  "M15 12.2c1.3.6 2.1 1.9 2.3 3.8",
);
export const Leave = icon("M11.5 4h-6v12h6", "M9 10h7.5", "m13.7 7.2 2.8 2.8-2.8 2.8");
export const Pencil = icon("M12.8 4.3a1.8 1.8 0 0 1 2.6 2.6l-8.6 8.7-3.4.8.8-3.4Z");
export const Plus = icon("M10 4.5v11", "M4.5 10h11");
export const NewChat = icon(
  "M10 3.8H5.8a2 2 0 0 0-2 2v8.4a2 2 0 0 0 2 2h8.4a2 2 0 0 0 2-2V10",
  "M14.7 3.7a1.4 1.4 0 0 1 2 2l-6 6-2.6.6.6-2.6Z",
);
export const Retry = icon("M15.8 8.2A6.2 6.2 0 1 0 16 11.5", "M16.2 4.5v3.9h-3.9");
export const Search = icon("M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Z", "m13.2 13.2 3.3 3.3");
export const Sliders = icon("M3.5 6.5h6.5M14 6.5h2.5", "M12 4.5v4", "M3.5 13.5H6M10 13.5h6.5", "M8 11.5v4");
export const Star = icon("m10 3.4 2 4.2 4.6.6-3.4 3.2.9 4.6-4.1-2.3L5.9 16l.9-4.6L3.4 8.2 8 7.6Z");
export const Eye = icon(
  "M2.8 10S5.5 5.2 10 5.2 17.2 10 17.2 10 14.5 14.8 10 14.8 2.8 10 2.8 10Z",
  "M10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
);
export const Globe = icon(
  "M10 16.8a6.8 6.8 0 1 0 0-13.6 6.8 6.8 0 0 0 0 13.6Z",
  "M3.4 10h13.2",
  "M10 3.2c2.2 2 3 4.3 3 6.8s-.8 4.8-3 6.8c-2.2-2-3-4.3-3-6.8s.8-4.8 3-6.8Z",
);
export const Page = icon("M5.5 3.5h6l3 3v10h-9Z", "M11.5 3.5v3h3");
export const Sun = icon(
  "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4Z",
  "M10 2.8v1M10 16.2v1M2.8 10h1M16.2 10h1M4.9 4.9l.7.7M14.4 14.4l.7.7M4.9 15.1l.7-.7M14.4 5.6l.7-.7",
);
export const Tool = icon(
  "M11.8 5.3a3.6 3.6 0 0 1 4.5-.9l-2.3 2.3.9 1.9 1.9.3 0-.1a3.6 3.6 0 0 1-5 4l-4.3 4.3a1.6 1.6 0 0 1-2.3-2.3l4.3-4.3a3.6 3.6 0 0 1 .4-3.5",
);
export const Thought = icon(
  "M10 3.5a4.7 4.7 0 0 1 2.7 8.5c-.5.4-.8 1-.8 1.6v.2H8.1v-.2c0-.6-.3-1.2-.8-1.6A4.7 4.7 0 0 1 10 3.5Z",
  "M8.5 16.5h3",
);
export const Trash = icon(
  "M4 6h12",
  "M8 6V4.5h4V6",
  "M5.5 6l.7 9.2a1.4 1.4 0 0 0 1.4 1.3h4.8a1.4 1.4 0 0 0 1.4-1.3L14.5 6",
);
export const Warning = icon("M10 7.5v3.3", "M10 13.5h.01", "M10 3.5 17 16H3Z");

export function StopSquare({ className = "size-4" }: { className?: string }) {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true" className={className}>
      <rect x="5" y="5" width="10" height="10" rx="2" fill="currentColor" />
    </svg>
  );
}

/** Threadline's mark: two ends of one thread. */
export function Mark({ className = "size-6" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" fill="none" aria-hidden="true" className={className}>
      <path
        d="M11 6v7.5c0 3 2 4.5 5 4.5s5 1.5 5 4.5V26"
        stroke="var(--c-accent)"
        strokeWidth="2.8"
        strokeLinecap="round"
      />
      <circle cx="11" cy="8" r="3.6" fill="var(--c-accent)" />
      <circle cx="21" cy="24" r="3.6" fill="#e0935a" />
    </svg>
  );
}
