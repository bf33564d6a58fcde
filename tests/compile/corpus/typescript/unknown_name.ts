export function area(width: number): number {
  return width * height;
}
