int ready;
/* this comment
   goes on
