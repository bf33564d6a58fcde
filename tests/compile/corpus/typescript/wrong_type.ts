export const length: number = "four";
