package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"time"
)

// ConsentURL is where a person consents to the app acting for its user, ahead of a jwt-bearer grant.
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

// Identity is whom the token stands for and where its API is: what came with the token and, asked for once and kept,
// the vendor's userinfo.
func (c *Client) Identity(ctx context.Context) (map[string]string, error) {
	return await(ctx, c, func(client *C.csign_client) (map[string]string, error) {
		var text *C.csign_text
		var reported *C.csign_error
		status := C.csign_client_identity(client, &text, &reported)
		if err := failure(status, reported); err != nil {
			return nil, err
		}
		return parsed[map[string]string](taken(text))
	})
}

// Forgotten is how a [Client.Forget] or a [Client.ForceForget] ended.
type Forgotten struct {
	Revocation Revocation
	// Reason is why the vendor did not revoke the token, with [RevocationFailed].
	Reason error
}

// Forget revokes the token at the vendor and forgets it here, in memory and in the store.
//
// If the vendor cannot be reached or refuses ([RevocationFailed]), the token is kept, because a grant that nobody can
// revoke any more would live on. It is not handed out, and the next call tries the revocation again. A login replaces it.
func (c *Client) Forget(ctx context.Context) (Forgotten, error) {
	return c.forget(ctx, false)
}

// ForceForget is like [Client.Forget], but forgets the token here even if the vendor did not revoke it.
func (c *Client) ForceForget(ctx context.Context) (Forgotten, error) {
	return c.forget(ctx, true)
}

func (c *Client) forget(ctx context.Context, force bool) (Forgotten, error) {
	return await(ctx, c, func(client *C.csign_client) (Forgotten, error) {
		var revocation C.csign_revocation
		var reason, reported *C.csign_error
		var status C.csign_status
		if force {
			status = C.csign_client_force_forget(client, &revocation, &reason, &reported)
		} else {
			status = C.csign_client_forget(client, &revocation, &reason, &reported)
		}
		if err := failure(status, reported); err != nil {
			return Forgotten{}, err
		}
		forgotten := Forgotten{Revocation: revocationOf(revocation)}
		if reason != nil {
			forgotten.Reason = failure(C.csign_error_status(reason), reason)
		}
		return forgotten, nil
	})
}

// Counts are how often something happened since the client was made.
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

// Event is one event in the life of a connection's grant, without a token in it.
type Event struct {
	// AtMs is when, by the store's clock, in milliseconds since 1970.
	AtMs int64 `json:"at_ms"`
	// By is which host, process and client.
	By string `json:"by"`
	// Attempt is the attempt that it belongs to; may be empty.
	Attempt string `json:"attempt"`
	// What happened, such as "refreshed".
	What string `json:"what"`
	// Spent and Got are fingerprints of the refresh tokens that were spent and got; may be empty.
	Spent string `json:"spent"`
	Got   string `json:"got"`
}

// At is when it happened, by the store's clock.
func (e Event) At() time.Time { return time.UnixMilli(e.AtMs) }

// Events are the last events in the life of the connection's grant, oldest first: who refreshed when, and how it ended.
func (c *Client) Events(ctx context.Context) ([]Event, error) {
	return await(ctx, c, func(client *C.csign_client) ([]Event, error) {
		var text *C.csign_text
		var reported *C.csign_error
		status := C.csign_client_events(client, &text, &reported)
		if err := failure(status, reported); err != nil {
			return nil, err
		}
		return parsed[[]Event](taken(text))
	})
}

// RefreshTokenExpiresAt is when the stored refresh token expires: a person must log in again before then, unless a
// refresh brings another one. The zero time if the vendor did not say, or if no refresh token is stored.
func (c *Client) RefreshTokenExpiresAt(ctx context.Context) (time.Time, error) {
	return await(ctx, c, func(client *C.csign_client) (time.Time, error) {
		var seconds C.int64_t
		var reported *C.csign_error
		status := C.csign_client_refresh_token_expires_at(client, &seconds, &reported)
		if err := failure(status, reported); err != nil || seconds < 0 {
			return time.Time{}, err
		}
		return time.Unix(int64(seconds), 0), nil
	})
}

// CheckSaved tells whether all that was got is stored: its error is why the last token is in memory only. Nothing is
// lost while the process runs, and each call for a token tries to store it again.
func (c *Client) CheckSaved() error {
	if err := c.handle.enter(); err != nil {
		return err
	}
	defer c.leave()
	var reported *C.csign_error
	return failure(C.csign_client_check_saved(c.pointer(), &reported), reported)
}
