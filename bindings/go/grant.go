package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"time"
)

// ConsentURL returns the URL at which a person consents to the app acting for the user. A
// jwt-bearer grant needs this consent.
func (c *Client) ConsentURL() (string, error) {
	if err := c.handle.enter(); err != nil {
		return "", err
	}
	defer c.leave()
	var url *C.csign_text
	var reported *C.csign_error
	status := C.csign_client_consent_url(c.pointer(), &url, &reported)
	if err := failure(status, reported); err != nil {
		return "", err
	}
	return taken(url), nil
}

// Identity maps the names of facts about a token to their values. The names depend on the vendor,
// such as "user_id", "account_id" and "base_uri" for DocuSign.
type Identity map[string]string

// Identity returns the user that the token is for and the API's URL: the members of the token
// response, and the vendor's userinfo, which is requested once and stored.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	return await(ctx, c, starting(C.COUNTERSIGN_GO_IDENTITY, 0), jsonResult[Identity])
}

// Forgotten is the result of [Client.Forget] and [Client.ForceForget].
type Forgotten struct {
	Revocation Revocation
	// Reason is why the vendor did not revoke the token, if Revocation is [RevocationFailed].
	Reason error
}

// Forget revokes the grant at the vendor and deletes its tokens from memory and the store.
//
// If the vendor can't be reached or rejects the revocation ([RevocationFailed]), the tokens stay
// stored, because otherwise nobody could revoke the grant any more. The client doesn't return them,
// and the next call retries the revocation. A login replaces them.
func (c *Client) Forget(ctx context.Context) (Forgotten, error) {
	return c.forget(ctx, C.COUNTERSIGN_GO_FORGET)
}

// ForceForget is like [Client.Forget], but deletes the tokens even if the vendor did not revoke the
// grant.
func (c *Client) ForceForget(ctx context.Context) (Forgotten, error) {
	return c.forget(ctx, C.COUNTERSIGN_GO_FORCE_FORGET)
}

func (c *Client) forget(ctx context.Context, call C.countersign_go_call) (Forgotten, error) {
	return await(ctx, c, starting(call, 0), func(result *C.csign_result) (Forgotten, error) {
		if err := resultFailure(result); err != nil {
			return Forgotten{}, err
		}
		forgotten := Forgotten{Revocation: revocationOf(C.csign_result_revocation(result))}
		if reason := C.csign_result_error(result); reason != nil {
			forgotten.Reason = described(C.csign_error_status(reason), reason)
		}
		return forgotten, nil
	})
}

// Counts returns the client's counters.
func (c *Client) Counts() (Counts, error) {
	if err := c.handle.enter(); err != nil {
		return Counts{}, err
	}
	defer c.leave()
	var counts Counts
	for counter, place := range counts.places() {
		var count C.uint64_t
		var reported *C.csign_error
		status := C.csign_client_count(c.pointer(), counter, &count, &reported)
		if err := failure(status, reported); err != nil {
			return Counts{}, err
		}
		*place = uint64(count)
	}
	return counts, nil
}

// Event is an entry in a grant's history. It contains no token.
type Event struct {
	// At is the time of the event, by the store's clock.
	At time.Time
	// By names the host, process and client.
	By string
	// Attempt identifies the attempt that the event belongs to. May be empty.
	Attempt string
	// What happened.
	What EventType
	// Spent and Got are fingerprints of the refresh tokens that were spent and received. May be
	// empty.
	Spent, Got string
}

// EventType is what happened to a grant. Types may be added.
type EventType string

// The types of events.
const (
	// EventLoggedIn: a person logged in.
	EventLoggedIn EventType = "logged_in"
	// EventIntended: the intent to send a request was recorded.
	EventIntended EventType = "intended"
	// EventNotSent: the request was not sent.
	EventNotSent EventType = "not_sent"
	// EventRejected: the server rejected the request.
	EventRejected EventType = "rejected"
	// EventResponseLost: the response was lost.
	EventResponseLost EventType = "response_lost"
	// EventRefreshed: the response had a new token.
	EventRefreshed EventType = "refreshed"
	// EventSalvaged: the response had a new refresh token, but was unusable otherwise.
	EventSalvaged EventType = "salvaged"
	// EventLost: the grant is lost because the response with the new refresh token never arrived.
	EventLost EventType = "lost"
	// EventDead: the vendor ended the grant.
	EventDead EventType = "dead"
	// EventNotRevoked: the vendor did not revoke the token at a logout.
	EventNotRevoked EventType = "not_revoked"
	// EventRecovered: a token that couldn't be stored at first was recovered.
	EventRecovered EventType = "recovered"
	// EventRejectedAgain: an API rejected a token that had replaced a rejected one less than a minute
	// before. The client returned it again.
	EventRejectedAgain EventType = "rejected_again"
)

// UnmarshalJSON reads the library's form of an event.
func (e *Event) UnmarshalJSON(text []byte) error {
	var read struct {
		AtMS        int64     `json:"at_ms"`
		What        EventType `json:"what"`
		By, Attempt string
		Spent, Got  string
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*e = Event{time.UnixMilli(read.AtMS), read.By, read.Attempt, read.What, read.Spent, read.Got}
	return nil
}

// Events returns the recent history of the connection's grant, oldest first: who refreshed it,
// when, and the result.
func (c *Client) Events(ctx context.Context) ([]Event, error) {
	return await(ctx, c, starting(C.COUNTERSIGN_GO_EVENTS, 0), jsonResult[[]Event])
}

// RefreshTokenExpiresAt returns when the stored refresh token expires. A person must log in again
// before then, unless a refresh returns a new one. It returns the zero time if the vendor didn't
// say, or if no refresh token is stored.
func (c *Client) RefreshTokenExpiresAt(ctx context.Context) (time.Time, error) {
	start := starting(C.COUNTERSIGN_GO_REFRESH_TOKEN_EXPIRES_AT, 0)
	return await(ctx, c, start, func(result *C.csign_result) (time.Time, error) {
		seconds := C.csign_result_refresh_token_expires_at(result)
		if err := resultFailure(result); err != nil || seconds < 0 {
			return time.Time{}, err
		}
		return time.Unix(int64(seconds), 0), nil
	})
}

// CheckSaved returns an error if the last token could not be stored and is only in memory. It isn't
// lost while the process runs, and each call for a token tries to store it again.
func (c *Client) CheckSaved(ctx context.Context) error {
	_, err := call(ctx, c, func(client *C.csign_client) (struct{}, error) {
		var reported *C.csign_error
		return struct{}{}, failure(C.csign_client_check_saved(client, &reported), reported)
	})
	return err
}
