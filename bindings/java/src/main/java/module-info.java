/** Gets access tokens for server-side integrations, and keeps them valid. */
module dev.countersign {
    requires transitive java.net.http;
    requires com.sun.jna;
    // Only for the packages of these names.
    requires static transitive okhttp3;
    requires static transitive spring.web;
    requires static transitive spring.webflux;
    requires static transitive spring.core;
    requires static transitive reactor.core;
    requires static org.reactivestreams;
    requires static transitive org.junit.jupiter.api;

    // JNA calls the methods of callbacks.
    opens dev.countersign to
            com.sun.jna;

    exports dev.countersign;
    exports dev.countersign.okhttp;
    exports dev.countersign.spring;
    exports dev.countersign.testing;
}
