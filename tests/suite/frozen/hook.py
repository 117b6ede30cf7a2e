print 'the hook'
