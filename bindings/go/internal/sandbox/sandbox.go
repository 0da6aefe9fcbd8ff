// Package sandbox runs `countersign-sandbox`, a local stand-in for the vendors' token services, for
// this module's tests and for package countersigntest.
package sandbox

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNoCommand is the error of [Start] if there is no sandbox to run.
var ErrNoCommand = errors.New("countersign-sandbox is not in the PATH, and COUNTERSIGN_SANDBOX does not name it")

// Sandbox is a running sandbox.
type Sandbox struct {
	URL         string `json:"url"`
	Dir         string `json:"dir"`
	Connections string `json:"connections"`
	CAFile      string `json:"ca_file"`

	command *exec.Cmd
	base    string
	// XDG_STATE_HOME before the start.
	state  string
	client *http.Client
}

// Entry is a token request that the sandbox has received.
type Entry struct {
	Grant string `json:"grant"`
}

// Start starts a sandbox in an empty folder and waits until it is ready. It also sets an empty
// state folder for this process, where the library keeps its fallback store, until [Sandbox.Stop].
func Start() (*Sandbox, error) {
	path := os.Getenv("COUNTERSIGN_SANDBOX")
	if path == "" {
		found, err := exec.LookPath("countersign-sandbox")
		if err != nil {
			return nil, ErrNoCommand
		}
		path = found
	}
	base, err := os.MkdirTemp("", "countersign-go-")
	if err != nil {
		return nil, err
	}
	started := &Sandbox{base: base, state: os.Getenv("XDG_STATE_HOME")}
	if err := os.Setenv("XDG_STATE_HOME", filepath.Join(base, "state")); err != nil {
		return nil, err
	}
	if err := started.run(path); err != nil {
		started.Stop()
		return nil, err
	}
	return started, nil
}

func (s *Sandbox) run(path string) error {
	s.command = exec.Command(path, "--tls", "--dir", filepath.Join(s.base, "sandbox"))
	s.command.Stderr = os.Stderr
	output, err := s.command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.command.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the sandbox did not become ready: %w", err)
	}
	if err := json.Unmarshal(line, s); err != nil {
		return fmt.Errorf("the sandbox printed %q: %w", line, err)
	}
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s has no certificate", s.CAFile)
	}
	s.client = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		Timeout:   30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	return nil
}

// AddProfiles copies the profiles of the scenarios beside the connections, so that they can use them.
func (s *Sandbox) AddProfiles() error {
	folder := os.Getenv("COUNTERSIGN_SCENARIOS")
	if folder == "" {
		return nil
	}
	return os.CopyFS(filepath.Join(s.Dir, "profiles"), os.DirFS(filepath.Join(folder, "profiles")))
}

// Stop stops the sandbox, removes its folder and restores XDG_STATE_HOME.
func (s *Sandbox) Stop() {
	if s.state == "" {
		_ = os.Unsetenv("XDG_STATE_HOME")
	} else {
		_ = os.Setenv("XDG_STATE_HOME", s.state)
	}
	if s.command != nil && s.command.Process != nil {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		_ = s.command.Wait()
	}
	_ = os.RemoveAll(s.base)
}

// Transport sends requests that trust the sandbox's certificate.
func (s *Sandbox) Transport() http.RoundTripper {
	return s.client.Transport
}

// Reset resets the sandbox and removes stored tokens from its folder.
func (s *Sandbox) Reset() error {
	if err := s.post("/_sandbox/reset", nil); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(s.Dir, "kept"))
}

// Tell posts a JSON body to the sandbox, such as {"offset_s": 60} to /_sandbox/clock.
func (s *Sandbox) Tell(path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.post(path, text)
}

func (s *Sandbox) post(path string, body []byte) error {
	response, err := s.client.Post(s.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	said, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %s", path, response.Status, said)
	}
	return err
}

// Log returns the token requests since the last reset.
func (s *Sandbox) Log() ([]Entry, error) {
	response, err := s.client.Get(s.URL + "/_sandbox/log")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var entries []Entry
	return entries, json.NewDecoder(response.Body).Decode(&entries)
}

// Authorize opens a login page like a browser, decides "allow" or "deny", and returns the URL that
// the browser would be redirected to.
func (s *Sandbox) Authorize(page, decision string) (string, error) {
	response, err := s.client.Get(page + "&_sandbox=" + decision)
	if err != nil {
		return "", err
	}
	_ = response.Body.Close()
	back, err := url.Parse(response.Header.Get("Location"))
	if err != nil || back.RawQuery == "" {
		return "", fmt.Errorf("the login page responded with %s and does not redirect", response.Status)
	}
	return back.String(), nil
}

// Settings returns the settings of a connection in the sandbox's file.
func (s *Sandbox) Settings(name string) (map[string]string, error) {
	text, err := os.ReadFile(s.Connections)
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(text), "[connections."+name+"]\n")
	if !found {
		return nil, fmt.Errorf("%s has no connection %s", s.Connections, name)
	}
	block, _, _ := strings.Cut(rest, "\n\n")
	settings := map[string]string{}
	for line := range strings.Lines(block) {
		key, value, found := strings.Cut(strings.TrimSpace(line), " = ")
		var text string
		if !found || json.Unmarshal([]byte(value), &text) != nil {
			return nil, fmt.Errorf("%s: connection %s: cannot read %q", s.Connections, name, line)
		}
		settings[key] = text
	}
	return settings, nil
}
