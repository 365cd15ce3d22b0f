// The fonts that the terminal can be drawn in: those of a short list that this system has.

/** What the system has for such text. */
const SYSTEM = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';
const KNOWN = [
  "Cascadia Mono", "Consolas", "Courier New", "DejaVu Sans Mono", "Fira Code", "Hack", "IBM Plex Mono", "JetBrains Mono",
  "Liberation Mono", "Menlo", "Monaco", "Noto Sans Mono", "Roboto Mono", "SF Mono", "Source Code Pro", "Ubuntu Mono",
];
/** Letters that no two fonts make equally wide, and their size in pixels. */
const SAMPLE = "mmmmmmmmmmlliWO0";
const SAMPLE_PX = 72;

/** A browser does not say which fonts there are; one that is there is as wide in front of every other. */
export function installedFonts(): string[] {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return [];
  const width = (family: string) => {
    context.font = `${SAMPLE_PX}px ${family}`;
    return context.measureText(SAMPLE).width;
  };
  return KNOWN.filter((font) => width(`"${font}", serif`) === width(`"${font}", sans-serif`) && width("serif") !== width("sans-serif"));
}

/** Of CSS; `name` may be any, and what the system has stands behind it. */
export function familyOf(name: string): string {
  return KNOWN.includes(name) ? `"${name}", ${SYSTEM}` : SYSTEM;
}
