package dev.countersign.testing;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Provides JUnit 5 tests with a {@link Sandbox}, which all test classes share and which is stopped
 * after the last one. Requires JUnit 5.13 or later.
 *
 * <pre>{@code
 * @ExtendWith(SandboxExtension.class)
 * class AccountsTest {
 *     @Test
 *     void theTokenIsValid(Sandbox sandbox) {
 *         try (Client client = sandbox.client("docusign-jwt")) {
 *             ...
 *         }
 *     }
 * }
 * }</pre>
 */
public final class SandboxExtension implements ParameterResolver {
    private static final ExtensionContext.Namespace NAMESPACE =
            ExtensionContext.Namespace.create(SandboxExtension.class);

    /** Creates the extension. JUnit calls this. */
    public SandboxExtension() {}

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == Sandbox.class;
    }

    @Override
    public Sandbox resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return context.getRoot()
                .getStore(NAMESPACE)
                .getOrComputeIfAbsent(Sandbox.class, type -> Sandbox.start(), Sandbox.class);
    }
}
