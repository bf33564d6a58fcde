-- The vectors of a space. `{space}` is its id, `{dimension}` and `{metric}` are sqlite-vec's words.
CREATE VIRTUAL TABLE vectors_{space} USING vec0(embedding float[{dimension}] distance_metric={metric})
