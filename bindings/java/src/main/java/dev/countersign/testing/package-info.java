/**
 * Tests code that uses {@link dev.countersign.Client}, with a sandbox that emulates the vendors. For
 * code that only needs a token, {@link dev.countersign.TokenProvider#fixed} is enough.
 */
package dev.countersign.testing;
