/** Menus and dialogs with all their keyboard and focus rules; a chunk of its own, see `kit.ts`. */

export { AlertDialog, Dialog, DropdownMenu, Popover } from "radix-ui";
