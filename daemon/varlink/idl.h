#pragma once
/*
 * The interface descriptions, as they stand in the .varlink files beside this one. They are part of the
 * program: no path is opened to serve them.
 */

/** idl_find() - The text of the file that describes @interface; NULL when there is none. Good for ever. */
const char *idl_find(const char *interface);
