/** Money as a person reads it. */

/** US dollars; of little money as many digits as say something: "$12.50", "$0.0042". */
export function moneyWords(dollars: number): string {
  const small = dollars > 0 && dollars < 0.01;
  const digits = small ? { maximumSignificantDigits: 2 } : {};
  return new Intl.NumberFormat("en", { style: "currency", currency: "USD", ...digits }).format(dollars);
}
