package scenarios

import (
	"errors"
	"fmt"
	"strings"

	countersign "github.com/countersign/countersign-go"
)

// expected compares a step's result to its `expect`: the error, or each member with `check`.
func expected(expect map[string]any, err error, check func(name string, value any) error) error {
	if wanted, there := expect["error"]; there {
		members, ok := wanted.(map[string]any)
		if !ok {
			return fmt.Errorf("`error` is %v", wanted)
		}
		return checkError(members, err)
	}
	if err != nil {
		return err
	}
	for name, value := range expect {
		if err := check(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) checkToken(name string, value any, token *countersign.Token) error {
	switch name {
	case "source":
		return checkMember(name, name, value, string(token.Source()))
	case "token_type":
		return checkMember(name, name, value, token.TokenType())
	case "scope":
		return checkMember(name, name, value, token.Scope())
	case "extra":
		return checkExtra(name, value, token.Extra())
	case "expires_in_about_s":
		return s.checkExpiry(value, token)
	case "headers":
		return checkHeaders(value, token)
	case "headers_error":
		wanted, _ := value.(map[string]any)
		_, err := token.Headers()
		return checkError(wanted, err)
	case "same_as", "different_from":
		other, known := s.tokens[fmt.Sprint(value)]
		if !known {
			return fmt.Errorf("there is no token %q", value)
		}
		if (other.AccessToken() == token.AccessToken()) != (name == "same_as") {
			return fmt.Errorf("the token is not `%s` %q", name, value)
		}
		return nil
	default:
		return fmt.Errorf("`%s` is not expected of a token", name)
	}
}

func (s *stage) checkExpiry(value any, token *countersign.Token) error {
	if value == nil {
		if !token.ExpiresAt().IsZero() {
			return fmt.Errorf("the token expires at %s, expected no expiry", token.ExpiresAt())
		}
		return nil
	}
	wanted, ok := value.(float64)
	if !ok {
		return fmt.Errorf("`expires_in_about_s` is %v", value)
	}
	now, _ := s.clock.read()
	if in := token.ExpiresAt().Sub(now).Seconds(); token.ExpiresAt().IsZero() || in < wanted-30 || in > wanted+30 {
		return fmt.Errorf("the token expires in %.0f s, expected %.0f", in, wanted)
	}
	return nil
}

// checkHeaders checks that the token has these headers and no others. `{token}` is the access token.
func checkHeaders(value any, token *countersign.Token) error {
	headers, err := token.Headers()
	if err != nil {
		return err
	}
	wanted, _ := value.(map[string]any)
	if len(headers) != len(wanted) {
		return fmt.Errorf("there are %d headers, expected %d", len(headers), len(wanted))
	}
	for name, value := range wanted {
		text, _ := value.(string)
		text = strings.ReplaceAll(text, "{token}", token.AccessToken())
		if got := headers.Get(name); text != got && (text != "*" || got == "") {
			return fmt.Errorf("the header %s is not %v", name, value)
		}
	}
	return nil
}

func checkError(wanted map[string]any, err error) error {
	if err == nil {
		return fmt.Errorf("the step succeeded, expected the error %v", wanted)
	}
	var failure *countersign.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("the error is not a *countersign.Error: %w", err)
	}
	for name, value := range wanted {
		if wrong := checkErrorMember(name, value, failure); wrong != nil {
			return fmt.Errorf("%w; the error is %w", wrong, err)
		}
	}
	return nil
}

func checkErrorMember(name string, value any, failure *countersign.Error) error {
	texts := map[string]string{
		"oauth_error": failure.OAuthError, "oauth_description": failure.OAuthDescription,
		"setting": failure.Setting, "provider": failure.Provider, "url": failure.URL,
		"trace_id": failure.TraceID, "hint": failure.Hint,
	}
	switch name {
	case "verdict":
		return checkMember(name, name, value, string(failure.Verdict))
	case "kind":
		return checkMember(name, name, value, string(failure.Kind))
	case "http_status":
		return checkNumber(name, value, map[string]int64{name: int64(failure.HTTPStatus)})
	case "retry_after_s":
		return checkRetryAfter(value, failure)
	case "message_has":
		return checkHas(name, value, failure.Message)
	case "hint_has":
		return checkHas(name, value, failure.Hint)
	}
	text, known := texts[name]
	switch {
	case !known:
		return fmt.Errorf("`%s` is not expected of an error", name)
	case value == nil && text == "", value == "*" && text != "", value == text:
		return nil
	default:
		return fmt.Errorf("`%s` is %q, expected %v", name, text, value)
	}
}

func checkRetryAfter(value any, failure *countersign.Error) error {
	wait, there := failure.RetryAfter()
	seconds := int64(wait.Seconds())
	if value == "*" && there || value == nil && !there || value == float64(seconds) && there {
		return nil
	}
	return fmt.Errorf("`retry_after_s` is %s (%t), expected %v", wait, there, value)
}

func checkHas(name string, value any, text string) error {
	part, ok := value.(string)
	if !ok || !strings.Contains(text, part) {
		return fmt.Errorf("`%s`: %q does not contain %v", name, text, value)
	}
	return nil
}

func checkExtra(name string, value any, extra map[string]string) error {
	wanted, ok := value.(map[string]any)
	if name != "extra" || !ok {
		return fmt.Errorf("`%s` is %v", name, value)
	}
	for key, value := range wanted {
		if got := extra[key]; value != got && (value != "*" || got == "") {
			return fmt.Errorf("`extra.%s` is %q, expected %v", key, got, value)
		}
	}
	return nil
}

func checkMember(name, only string, value any, got string) error {
	if name != only {
		return fmt.Errorf("`%s` is not expected here", name)
	}
	if value != got {
		return fmt.Errorf("`%s` is %q, expected %v", name, got, value)
	}
	return nil
}

func checkNumber(name string, value any, numbers map[string]int64) error {
	got, known := numbers[name]
	if !known {
		return fmt.Errorf("`%s` is not expected here", name)
	}
	if value != float64(got) {
		return fmt.Errorf("`%s` is %d, expected %v", name, got, value)
	}
	return nil
}
