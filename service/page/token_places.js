// Where the tokens of an example lie beside each other.

/** The columns of a grid of `count` tokens: those of the patches, where tokens are patches. */
export function columnsOf({ blocks }, count) {
  const patches = blocks?.find(({ type }) => type === "patch_embedding");
  const [height, width] = (patches?.image.slice(1) ?? []).map((side) => side / patches.patch);
  return height * width === count ? width : Math.ceil(Math.sqrt(count));
}
