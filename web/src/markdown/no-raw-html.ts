/** Stands where streamdown imports `rehype-raw`: the HTML of a model is never parsed here, it is shown as text. */

export default function noRawHtml(): undefined {
  return undefined;
}
