using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>One message.</summary>
internal sealed partial class SnmpTransaction : Transaction
{
    private const int KeepVariables = 64;

    private Slice[] _variables = new Slice[4];

    public ByteBuffer Bytes { get; } = new();

    /// <summary>1, 2 or 3: that of the flow's first message.</summary>
    public byte Version { get; set; }

    /// <summary>Context tag of the PDU; -1: encrypted.</summary>
    public int Pdu { get; set; } = -1;

    /// <summary>0: none, or a PDU without one.</summary>
    public uint ErrorStatus { get; set; }

    public Slice Community { get; set; } = Slice.None;

    /// <summary>User name of the security parameters.</summary>
    public Slice User { get; set; } = Slice.None;

    /// <summary>Generic trap of a version 1 trap; -1: none.</summary>
    public int TrapType { get; set; } = -1;

    public Slice TrapOid { get; set; } = Slice.None;

    /// <summary>Four bytes.</summary>
    public Slice TrapAddress { get; set; } = Slice.None;

    public int VariableCount { get; private set; }

    public Slice Variable(int index) => _variables[index];

    public void AddVariable(Slice oid)
    {
        if (VariableCount == SnmpLimits.MaxVariables)
        {
            return;
        }

        if (VariableCount == _variables.Length)
        {
            Array.Resize(ref _variables, _variables.Length * 2);
        }

        _variables[VariableCount++] = oid;
    }

    public void Raise(SnmpAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        Version = 0;
        Pdu = -1;
        TrapType = -1;
        ErrorStatus = 0;
        Community = User = TrapOid = TrapAddress = Slice.None;
        VariableCount = 0;
        _variables = _variables.Length > KeepVariables ? new Slice[4] : _variables;
    }
}
