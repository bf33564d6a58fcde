size = 3
return size
