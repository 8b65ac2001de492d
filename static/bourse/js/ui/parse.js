/** Numbers that people type: what was typed, or none; nothing is taken out, put in or rounded. Knows no trading. */

/** Commas are not in it: to one reader 1,200 is a thousand, to another it is one. */
const PLAIN = /^-?(\d+\.?\d*|\.\d+)$/;
/** A double holds any number of so many digits. */
const MOST_DIGITS = 15;
/** Digits, point and minus as a Chinese keyboard writes them; each stands as far from its plain twin. */
const WIDE = /[\uff0d\uff0e\uff10-\uff19]/g;
const FROM_WIDE_TO_PLAIN = 0xfee0;

/**
 * The number that a text is; null where it is none, or not surely the one that was meant.
 * @param {string} text
 */
export function parseNumber(text) {
  const plain = text.trim().replace(WIDE, (sign) => String.fromCharCode(sign.charCodeAt(0) - FROM_WIDE_TO_PLAIN));
  if (!PLAIN.test(plain)) return null;
  const digits = plain.replace(/[-.]/g, '').replace(/^0+/, '');
  return digits.length > MOST_DIGITS ? null : Number(plain);
}
