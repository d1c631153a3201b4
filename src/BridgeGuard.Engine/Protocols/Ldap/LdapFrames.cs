namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>Frames of LDAP.</summary>
internal static class LdapFrames
{
    public static readonly string[] Names = ["pdu"];

    /// <summary>One LDAPMessage.</summary>
    public const int Pdu = 0;
}
