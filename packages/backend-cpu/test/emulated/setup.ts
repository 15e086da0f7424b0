// What a test starts with process.execPath is to run in the emulator, too: the system cannot start that program by itself.
process.execPath = process.env['EMULATED_NODE']!;
