-- Write the index of words anew, from all of its parts if there are several. `{space}` is the space's id.
INSERT INTO words_{space} (words_{space}) VALUES ('optimize')
