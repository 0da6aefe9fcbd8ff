// The functions of countersign.h that this package calls, as koffi sees them.

import { koffi, type Native, type Type } from './koffi.js';

import { loadLibrary } from './library.js';

/** A handle of the library, or NULL. */
export type Pointer = bigint | null;

/** A place for a handle that a call gives out. */
export type Out = [Pointer];

const library = loadLibrary();

/** Every declaration below as it is written, for the test that compares them with countersign.h. @internal */
export const declarations: string[] = [];

function declared(declaration: string): Native {
  declarations.push(declaration);
  return library.func(declaration);
}

function prototype(declaration: string): Type {
  declarations.push(declaration);
  return koffi.proto(declaration);
}

export const protos = {
  open: prototype('int32_t csign_open_fn(void *user_data, void *url, size_t url_length)'),
  sign: prototype(
    'int32_t csign_sign_fn(void *user_data, void *input, size_t input_length, void *signature, size_t capacity, void *written)',
  ),
  log: prototype('void csign_log_fn(void *user_data, int32_t level, void *line, size_t length)'),
  clock: prototype('int32_t csign_clock_fn(void *user_data, void *unix_ms, void *boot_ms)'),
  change: prototype('void csign_change_fn(void *user_data, int32_t change, void *token)'),
};

export const config = {
  create: status('csign_config_new', '_Out_ void **out'),
  load: status(
    'csign_config_load',
    'void *config, void *path, size_t path_length, void *name, size_t name_length',
  ),
  setName: status('csign_config_set_name', 'void *config, void *name, size_t name_length'),
  set: status(
    'csign_config_set',
    'void *config, void *key, size_t key_length, void *value, size_t value_length',
  ),
  unset: status('csign_config_unset', 'void *config, void *key, size_t key_length'),
  setSigner: status(
    'csign_config_set_signer',
    'void *config, void *algorithm, size_t algorithm_length, void *key_id, size_t key_id_length, ' +
      'csign_sign_fn *sign, size_t user_data, void *destroy',
  ),
  setLog: status(
    'csign_config_set_log',
    'void *config, int32_t most, csign_log_fn *take, size_t user_data, void *destroy',
  ),
  setClock: status(
    'csign_config_set_clock',
    'void *config, csign_clock_fn *read, size_t user_data, void *destroy',
  ),
  setListener: status(
    'csign_config_set_listener',
    'void *config, csign_change_fn *hear, size_t user_data, void *destroy',
  ),
  free: declared('void csign_config_free(void *config)'),
  settings: status('csign_settings', '_Out_ void **out'),
};

export const client = {
  create: status('csign_client_new', 'void *config, void *registry, _Out_ void **out'),
  token: status('csign_client_token', 'void *client, uint64_t min_valid_ms, _Out_ void **out'),
  peek: declared('int32_t csign_client_peek(void *client, uint64_t min_valid_ms, void *out, void *error)'),
  peekToken: declared(
    'int32_t csign_client_peek_token(void *client, void *buffer, size_t capacity, void *length, void *error)',
  ),
  refresh: status('csign_client_refresh', 'void *client, _Out_ void **out'),
  invalidate: status(
    'csign_client_invalidate',
    'void *client, void *access_token, size_t access_token_length',
  ),
  consentUrl: status('csign_client_consent_url', 'void *client, _Out_ void **out'),
  identity: status('csign_client_identity', 'void *client, _Out_ void **out'),
  forget: status('csign_client_forget', 'void *client, _Out_ int32_t *revocation, _Out_ void **reason'),
  forceForget: status(
    'csign_client_force_forget',
    'void *client, _Out_ int32_t *revocation, _Out_ void **reason',
  ),
  count: status('csign_client_count', 'void *client, int32_t counter, _Out_ uint64_t *count'),
  events: status('csign_client_events', 'void *client, _Out_ void **out'),
  refreshTokenExpiresAt: status(
    'csign_client_refresh_token_expires_at',
    'void *client, _Out_ int64_t *out_expires_at',
  ),
  checkSaved: status('csign_client_check_saved', 'void *client'),
  drain: status('csign_client_drain', 'void *client, uint64_t timeout_ms'),
  startLogin: status(
    'csign_client_start_login',
    'void *client, void *uri, size_t uri_length, _Out_ void **out',
  ),
  completeLogin: status(
    'csign_client_complete_login',
    'void *client, void *login, void *query, size_t query_length, _Out_ void **out',
  ),
  login: status(
    'csign_client_login',
    'void *client, uint16_t port, uint64_t timeout_ms, csign_open_fn *open, size_t user_data, _Out_ void **out',
  ),
  close: declared('void csign_client_close(void *client)'),
  free: declared('void csign_client_free(void *client)'),
};

export const token = {
  value: text('csign_token_value'),
  authorization: text('csign_token_authorization'),
  type: text('csign_token_type'),
  scope: text('csign_token_scope'),
  expiresAt: declared('int64_t csign_token_expires_at(void *token)'),
  source: declared('int32_t csign_token_source(void *token)'),
  extraJson: text('csign_token_extra_json'),
  free: declared('void csign_token_free(void *token)'),
};

export const error = {
  status: declared('int32_t csign_error_status(void *error)'),
  verdict: declared('int32_t csign_error_verdict(void *error)'),
  kind: text('csign_error_kind'),
  message: text('csign_error_message'),
  hint: text('csign_error_hint'),
  setting: text('csign_error_setting'),
  httpStatus: declared('int32_t csign_error_http_status(void *error)'),
  oauthError: text('csign_error_oauth_error'),
  oauthDescription: text('csign_error_oauth_description'),
  retryAfterMs: declared('int64_t csign_error_retry_after_ms(void *error)'),
  url: text('csign_error_url'),
  traceId: text('csign_error_trace_id'),
  provider: text('csign_error_provider'),
  callbackStatus: declared('int32_t csign_error_callback_status(void *error)'),
  free: declared('void csign_error_free(void *error)'),
};

export const key = {
  read: status(
    'csign_key_read',
    'void *data, size_t data_length, void *passphrase, size_t passphrase_length, _Out_ void **out',
  ),
  fromSecret: status('csign_key_from_secret', 'void *secret, size_t secret_length, _Out_ void **out'),
  fromSigner: status(
    'csign_key_from_signer',
    'void *algorithm, size_t algorithm_length, void *key_id, size_t key_id_length, ' +
      'csign_sign_fn *sign, size_t user_data, void *destroy, _Out_ void **out',
  ),
  sign: status(
    'csign_key_sign',
    'void *key, void *algorithm, size_t algorithm_length, void *key_id, size_t key_id_length, ' +
      'void *type, size_t type_length, void *claims, size_t claims_length, _Out_ void **out',
  ),
  signBytes: status(
    'csign_key_sign_bytes',
    'void *key, void *algorithm, size_t algorithm_length, void *input, size_t input_length, ' +
      'void *signature, size_t capacity, _Out_ size_t *length',
  ),
  verify: status(
    'csign_key_verify',
    'void *key, void *algorithm, size_t algorithm_length, void *token, size_t token_length, _Out_ void **out',
  ),
  info: status('csign_key_info', 'void *key, _Out_ void **out'),
  free: declared('void csign_key_free(void *key)'),
};

export const login = {
  url: text('csign_login_url'),
  state: text('csign_login_state'),
  save: status('csign_login_save', 'void *login, _Out_ void **out'),
  restore: status('csign_login_restore', 'void *saved, size_t saved_length, _Out_ void **out'),
  free: declared('void csign_login_free(void *login)'),
};

export const registry = {
  create: status('csign_registry_new', '_Out_ void **out'),
  addProfile: status('csign_registry_add_profile', 'void *registry, void *toml, size_t toml_length'),
  setLog: status(
    'csign_registry_set_log',
    'void *registry, int32_t most, csign_log_fn *take, size_t user_data, void *destroy',
  ),
  loadPlugin: status(
    'csign_registry_load_plugin',
    'void *registry, void *path, size_t path_length, void *sha256, size_t sha256_length',
  ),
  providers: status('csign_registry_providers', 'void *registry, _Out_ void **out'),
  free: declared('void csign_registry_free(void *registry)'),
};

export const texts = {
  value: declared('void *csign_text_value(void *text, _Out_ size_t *length)'),
  free: declared('void csign_text_free(void *text)'),
};

export const abiVersion = declared('uint32_t csign_abi_version(void)');
export const version = declared('const char *csign_version(void)');
export const statusName = declared('const char *csign_status_name(int32_t status)');

/** A function that can fail: the place for its error comes last. */
function status(name: string, parameters: string): Native {
  return declared(`int32_t ${name}(${parameters}, _Out_ void **error)`);
}

/** A borrowed text of an object; its length is not asked for, since a NUL ends it. */
function text(name: string): Native {
  return declared(`const char *${name}(void *self, void *length)`);
}
