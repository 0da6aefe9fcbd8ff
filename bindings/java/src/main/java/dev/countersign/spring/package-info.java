/**
 * Adds tokens to the requests of Spring's {@code RestClient}, {@code RestTemplate} and
 * {@code WebClient}. The program must have {@code spring-web} or {@code spring-webflux} as a
 * dependency.
 */
package dev.countersign.spring;
