using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>Protocol operations: the application tag numbers of RFC 4511 §4.2 to §4.13.</summary>
internal enum LdapOperation : byte
{
    BindRequest = 0,
    BindResponse = 1,
    UnbindRequest = 2,
    SearchRequest = 3,
    SearchResultEntry = 4,
    SearchResultDone = 5,
    ModifyRequest = 6,
    ModifyResponse = 7,
    AddRequest = 8,
    AddResponse = 9,
    DelRequest = 10,
    DelResponse = 11,
    ModDnRequest = 12,
    ModDnResponse = 13,
    CompareRequest = 14,
    CompareResponse = 15,
    AbandonRequest = 16,
    SearchResultReference = 19,
    ExtendedRequest = 23,
    ExtendedResponse = 24,
    IntermediateResponse = 25,
}

/// <summary>Code points.</summary>
internal static class LdapTables
{
    /// <summary>StartTLS (RFC 4511 §4.14).</summary>
    public static ReadOnlySpan<byte> StartTls => "1.3.6.1.4.1.1466.20037"u8;

    public static readonly IntegerName[] Operations =
    [
        new("bind_request", 0), new("bind_response", 1), new("unbind_request", 2), new("search_request", 3), new("search_result_entry", 4),
        new("search_result_done", 5), new("modify_request", 6), new("modify_response", 7), new("add_request", 8), new("add_response", 9),
        new("del_request", 10), new("del_response", 11), new("mod_dn_request", 12), new("mod_dn_response", 13), new("compare_request", 14),
        new("compare_response", 15), new("abandon_request", 16), new("search_result_reference", 19), new("extended_request", 23),
        new("extended_response", 24), new("intermediate_response", 25),
    ];

    /// <summary>RFC 4511 §4.1.9 and appendix A, the codes of the C API, RFC 3909, RFC 4528, RFC 4370, RFC 4533.</summary>
    public static readonly IntegerName[] ResultCodes =
    [
        new("success", 0), new("operations_error", 1), new("protocol_error", 2), new("time_limit_exceeded", 3), new("size_limit_exceeded", 4),
        new("compare_false", 5), new("compare_true", 6), new("auth_method_not_supported", 7), new("stronger_auth_required", 8), new("referral", 10),
        new("admin_limit_exceeded", 11), new("unavailable_critical_extension", 12), new("confidentiality_required", 13),
        new("sasl_bind_in_progress", 14), new("no_such_attribute", 16), new("undefined_attribute_type", 17), new("inappropriate_matching", 18),
        new("constraint_violation", 19), new("attribute_or_value_exists", 20), new("invalid_attribute_syntax", 21), new("no_such_object", 32),
        new("alias_problem", 33), new("invalid_dns_syntax", 34), new("is_leaf", 35), new("alias_dereferencing_problem", 36),
        new("inappropriate_authentication", 48), new("invalid_credentials", 49), new("insufficient_access_rights", 50), new("busy", 51),
        new("unavailable", 52), new("unwilling_to_perform", 53), new("loop_detect", 54), new("sort_control_missing", 60),
        new("offset_range_error", 61), new("naming_violation", 64), new("object_class_violation", 65), new("not_allowed_on_non_leaf", 66),
        new("not_allowed_on_rdn", 67), new("entry_already_exists", 68), new("object_class_mods_prohibited", 69), new("results_too_large", 70),
        new("affects_multiple_dsas", 71), new("control_error", 76), new("other", 80), new("server_down", 81), new("local_error", 82),
        new("encoding_error", 83), new("decoding_error", 84), new("timeout", 85), new("auth_unknown", 86), new("filter_error", 87),
        new("user_canceled", 88), new("param_error", 89), new("no_memory", 90), new("connect_error", 91), new("not_supported", 92),
        new("control_not_found", 93), new("no_results_returned", 94), new("more_results_to_return", 95), new("client_loop", 96),
        new("referral_limit_exceeded", 97), new("invalid_response", 100), new("ambiguous_response", 101), new("tls_not_supported", 112),
        new("intermediate_response", 113), new("unknown_type", 114), new("canceled", 118), new("no_such_operation", 119), new("too_late", 120),
        new("cannot_cancel", 121), new("assertion_failed", 122), new("authorization_denied", 123), new("e_sync_refresh_required", 4096),
        new("no_operation", 16654),
    ];

    private static readonly byte[][] OperationTexts = Texts(Operations, 26);

    private static readonly byte[][] ResultTexts = Texts(ResultCodes, 124);

    public static bool IsOperation(int tag) => tag is >= 0 and < 26 && OperationTexts[tag].Length > 0;

    public static ReadOnlySpan<byte> Name(LdapOperation operation) => OperationTexts[(int)operation];

    /// <summary>Empty for a code without a name.</summary>
    public static ReadOnlySpan<byte> ResultName(uint code) => code switch
    {
        < 124 => ResultTexts[(int)code],
        4096 => "e_sync_refresh_required"u8,
        16654 => "no_operation"u8,
        _ => default,
    };

    /// <summary>It answers a request and is the last to do so.</summary>
    public static bool IsFinal(LdapOperation operation) =>
        operation is not (LdapOperation.SearchResultEntry or LdapOperation.SearchResultReference or LdapOperation.IntermediateResponse) && !IsRequest(operation);

    public static bool IsRequest(LdapOperation operation) => operation is LdapOperation.BindRequest or LdapOperation.UnbindRequest
        or LdapOperation.SearchRequest or LdapOperation.ModifyRequest or LdapOperation.AddRequest or LdapOperation.DelRequest
        or LdapOperation.ModDnRequest or LdapOperation.CompareRequest or LdapOperation.AbandonRequest or LdapOperation.ExtendedRequest;

    /// <summary>Responses that begin with an LDAPResult.</summary>
    public static bool HasResult(LdapOperation operation) => operation is LdapOperation.BindResponse or LdapOperation.SearchResultDone
        or LdapOperation.ModifyResponse or LdapOperation.AddResponse or LdapOperation.DelResponse or LdapOperation.ModDnResponse
        or LdapOperation.CompareResponse or LdapOperation.ExtendedResponse;

    private static byte[][] Texts(IntegerName[] names, int count)
    {
        var texts = new byte[count][];
        Array.Fill(texts, []);
        foreach (IntegerName name in names)
        {
            if (name.Value < (ulong)count)
            {
                texts[name.Value] = System.Text.Encoding.ASCII.GetBytes(name.Name);
            }
        }

        return texts;
    }
}
