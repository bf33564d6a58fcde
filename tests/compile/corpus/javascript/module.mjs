import { readFile } from "node:fs/promises";

export const text = await readFile("a.txt");
