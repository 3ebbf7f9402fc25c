// Lists that change all the time without losing the focus: an element for each item, made once and then kept.

/**
 * Shows `items` in `parent`, in this order. `make(item)` gives an element with an `update(item)` method of its own,
 * `key(item)` says which element belongs to an item.
 */
export function showRows(parent, items, key, make) {
  const known = (parent.shownRows ??= new Map());
  const wanted = new Set(items.map(key));
  for (const [name, row] of known) {
    if (wanted.has(name)) continue;
    row.remove();
    known.delete(name);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    let row = known.get(key(item));
    if (!row) known.set(key(item), (row = make(item)));
    if (row === place) place = place.nextElementSibling;
    else parent.insertBefore(row, place);
    row.update(item);
  }
}
