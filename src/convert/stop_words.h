/* The list that scikit-learn means by stop_words="english", and no file holds. */
#ifndef ALF_CONVERT_STOP_WORDS_H
#define ALF_CONVERT_STOP_WORDS_H

enum { ENGLISH_STOP_WORDS = 318 };

extern const char *const english_stop_words[ENGLISH_STOP_WORDS]; /* sorted */

#endif
