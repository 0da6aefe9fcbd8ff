/** Adds tokens to the requests of OkHttp, which the program must have as a dependency. */
package dev.countersign.okhttp;
