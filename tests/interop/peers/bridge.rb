# What the bridges in Ruby share: JSON in, JSON out, as `bridge.py` has it.

require 'json'

# Serves objects that the block makes of the arguments of `begin`.
def serve
  $stdin.set_encoding('UTF-8')
  $stdout.sync = true
  puts 'ready'
  context = nil
  $stdin.each_line do |line|
    arguments = JSON.parse(line, symbolize_names: true)
    operation = arguments.delete(:operation)
    begin
      if operation == 'begin'
        context = yield(**arguments)
        answer = {}
      else
        answer = context.public_send(operation, **arguments)
      end
    rescue StandardError => error # Each library has its own.
      answer = { error: "#{error.class}: #{error.message}" }
    end
    puts answer.to_json
  end
end

def to_hex(bytes)
  bytes.unpack1('H*')
end

def from_hex(digits)
  [digits].pack('H*')
end
