function read(file) {
  return await file.text();
}
