using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>A run of elements of one of the transaction's lists.</summary>
internal readonly record struct LdapRun(int Start, int Count);

/// <summary>An attribute with its values; in a modification with what is done to it.</summary>
internal readonly record struct LdapAttribute(Slice Type, LdapRun Values, long Change);

/// <summary>A control (RFC 4511 §4.1.11).</summary>
internal readonly record struct LdapControl(Slice Type, bool IsCritical, Slice Value);

/// <summary>One message. Which members mean something depends on <see cref="Operation"/>.</summary>
internal struct LdapMessage
{
    public LdapOperation Operation;
    public long Id;

    /// <summary>The name the operation is about: bind name, base, entry, object; in results the matched name.</summary>
    public Slice Dn;

    /// <summary>Results: the diagnostic message.</summary>
    public Slice Text;

    /// <summary>Extended and intermediate: the object identifier; SASL: the mechanism; modify name: the new one.</summary>
    public Slice Name;

    /// <summary>Extended and intermediate: the value; SASL: credentials; compare: the value; modify name: the new superior.</summary>
    public Slice Value;

    /// <summary>Search: the attribute of a presence filter.</summary>
    public Slice Filter;
    public uint ResultCode;
    public bool HasResult;
    public long Version;
    public long Scope;
    public long Aliases;
    public long SizeLimit;
    public long TimeLimit;

    /// <summary>Search: types only; modify name: delete the old one; bind: SASL.</summary>
    public bool Flag;
    public LdapRun Attributes;
    public LdapRun Controls;

    public static LdapMessage Create(LdapOperation operation, long id) => new()
    {
        Operation = operation,
        Id = id,
        Dn = Slice.None,
        Text = Slice.None,
        Name = Slice.None,
        Value = Slice.None,
        Filter = Slice.None,
    };
}

/// <summary>A request with its responses; or a response that nobody asked for.</summary>
internal sealed partial class LdapTransaction : Transaction
{
    private const int KeepElements = 256;

    private LdapMessage[] _responses = new LdapMessage[2];
    private LdapAttribute[] _attributes = [];
    private Slice[] _values = [];
    private LdapControl[] _controls = [];
    private LdapMessage _request;

    public ByteBuffer Bytes { get; } = new();

    public bool HasRequest { get; private set; }

    public ref readonly LdapMessage Request => ref _request;

    public int ResponseCount { get; private set; }

    public int AttributeCount { get; private set; }

    public int ValueCount { get; private set; }

    public int ControlCount { get; private set; }

    public bool IsComplete => ProgressToClient != 0;

    public ref readonly LdapMessage Response(int index) => ref _responses[index];

    public ref readonly LdapAttribute Attribute(int index) => ref _attributes[index];

    public Slice AttributeValue(int index) => _values[index];

    public ref readonly LdapControl Control(int index) => ref _controls[index];

    public void SetRequest(in LdapMessage message)
    {
        _request = message;
        HasRequest = true;
        Key = KeyOf(message.Id);
    }

    /// <summary>The <see cref="Transaction.Key"/> of an open request.</summary>
    public static uint KeyOf(long id) => (uint)id + 1;

    public void AddResponse(in LdapMessage message)
    {
        Grow(ref _responses, ResponseCount);
        _responses[ResponseCount++] = message;
    }

    public void Add(in LdapAttribute attribute)
    {
        if (AttributeCount < LdapLimits.MaxElements)
        {
            Grow(ref _attributes, AttributeCount);
            _attributes[AttributeCount++] = attribute;
        }
    }

    public void AddValue(Slice value)
    {
        if (ValueCount < LdapLimits.MaxElements)
        {
            Grow(ref _values, ValueCount);
            _values[ValueCount++] = value;
        }
    }

    public void Add(in LdapControl control)
    {
        if (ControlCount < LdapLimits.MaxElements)
        {
            Grow(ref _controls, ControlCount);
            _controls[ControlCount++] = control;
        }
    }

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
        Key = 0;
    }

    public void Raise(LdapAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        _request = default;
        HasRequest = false;
        ResponseCount = AttributeCount = ValueCount = ControlCount = 0;
        _responses = _responses.Length > KeepElements ? new LdapMessage[2] : _responses;
        _attributes = _attributes.Length > KeepElements ? [] : _attributes;
        _values = _values.Length > KeepElements ? [] : _values;
        _controls = _controls.Length > KeepElements ? [] : _controls;
    }

    private static void Grow<T>(ref T[] list, int count)
    {
        if (count == list.Length)
        {
            Array.Resize(ref list, Math.Max(4, count * 2));
        }
    }
}
